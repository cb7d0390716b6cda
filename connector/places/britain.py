"""British names that no gazetteer library holds: regions, counties and what they used to be, postcode areas.

Regions are ITL level 1 (Office for National Statistics, International Territorial Levels, January 2025) under the last
letter of their codes (TLC … TLN). Postcode areas are Royal Mail's 124; where one reaches over a border it names every
region it reaches into. Compiled 2026-11-23.
"""

from __future__ import annotations

from types import MappingProxyType

#: Letter → (ITL name, NHS England region; outside England the nation).
REGIONS: MappingProxyType[str, tuple[str, str]] = MappingProxyType(
    {
        "C": ("North East", "North East and Yorkshire"),
        "D": ("North West", "North West"),
        "E": ("Yorkshire and The Humber", "North East and Yorkshire"),
        "F": ("East Midlands", "Midlands"),
        "G": ("West Midlands", "Midlands"),
        "H": ("East of England", "East of England"),
        "I": ("London", "London"),
        "J": ("South East", "South East"),
        "K": ("South West", "South West"),
        "L": ("Wales", "Wales"),
        "M": ("Scotland", "Scotland"),
        "N": ("Northern Ireland", "Northern Ireland"),
    }
)
ENGLAND = "CDEFGHIJK"
#: Other words for one region or several: → letters.
GROUPS: MappingProxyType[str, str] = MappingProxyType(
    {
        "England": ENGLAND, "Lloegr": ENGLAND, "Midlands": "FG", "The Midlands": "FG", "North East and Yorkshire": "CE",
        "North East England": "C", "North-East": "C", "NE England": "C",
        "North West England": "D", "North-West": "D", "Northwest": "D", "NW England": "D",
        "Yorkshire and the Humber": "E", "Yorkshire & Humber": "E", "Yorkshire and Humberside": "E", "Yorkshire": "E",
        "East Midlands England": "F", "West Midlands England": "G", "East England": "H", "Eastern England": "H",
        "East Anglia": "H", "Greater London": "I", "South East England": "J", "South-East": "J", "Southeast": "J",
        "South West England": "K", "South-West": "K", "Southwest": "K", "West Country": "K",
        "Cymru": "L", "Alba": "M", "NI": "N", "N Ireland": "N", "Ulster": "N",
    }
)  # fmt: skip

#: Counties, and districts that are no town, by region. After a bar: where else the name was used, as in postal addresses.
_COUNTIES: MappingProxyType[str, str] = MappingProxyType(
    {
        "C": "County Durham; Co Durham; Northumberland; Tyne and Wear; North Tyneside; South Tyneside; Tyneside; Teesside;"
        " Wearside; Redcar and Cleveland|E; Cleveland|E; Gateshead; Sunderland; Stockton-on-Tees; Tees Valley; Hartlepool;"
        " Middlesbrough; Darlington; Newcastle upon Tyne",
        "D": "Cheshire; Cheshire East; Cheshire West and Chester; Cumbria; Cumberland; Westmorland;"
        " Westmorland and Furness; Greater Manchester; Lancashire; Lancs; Merseyside; Wirral; The Wirral; Fylde; Halton;"
        " Tameside; Trafford; Sefton; Knowsley; Blackburn with Darwen; Rossendale; Ribble Valley; Bolton; Bury; Oldham;"
        " Rochdale; Salford; Stockport; Wigan; Liverpool; Manchester; St Helens; Warrington; Blackpool",
        "E": "East Riding of Yorkshire; East Yorkshire; East Riding; Humberside; North Yorkshire; N Yorks; North Yorks;"
        " South Yorkshire; S Yorks; West Yorkshire; W Yorks; West Yorks; Kirklees; Calderdale; North Lincolnshire;"
        " North East Lincolnshire; Bradford; Leeds; Wakefield; Barnsley; Doncaster; Rotherham; Sheffield; York;"
        " Kingston upon Hull; Craven",
        "F": "Derbyshire; Leicestershire; Leics; Lincolnshire|E; Lincs|E; Northamptonshire; Northants;"
        " North Northamptonshire; West Northamptonshire; Nottinghamshire; Notts; Rutland; High Peak; Derby; Leicester;"
        " Nottingham; Peak District",
        "G": "Herefordshire; Shropshire; Salop; Staffordshire; Staffs; Warwickshire; Warks; Worcestershire; Worcs; Sandwell;"
        " Black Country; Telford and Wrekin; Birmingham; Coventry; Dudley; Solihull; Walsall; Wolverhampton; Stoke-on-Trent",
        "H": "Bedfordshire; Beds; Central Bedfordshire; Bedford; Cambridgeshire; Cambs; Essex|I; Hertfordshire|I; Herts|I;"
        " Norfolk; Suffolk; Thurrock; Luton; Peterborough; Southend-on-Sea; Huntingdonshire|F",
        "I": "City of London; Central London; Inner London; Outer London; East London; North London; South London;"
        " West London; South East London; South West London; North West London; Middlesex|HJ; Middx|HJ",
        "J": "Berkshire; Berks; Royal Berkshire; Buckinghamshire; Bucks; East Sussex; West Sussex; Sussex; Hampshire; Hants;"
        " Isle of Wight; Kent|I; Medway; Oxfordshire; Oxon; Surrey|I; Thames Valley; Wokingham; West Berkshire; Slough;"
        " Windsor and Maidenhead; Bracknell Forest; Brighton and Hove; Milton Keynes; Reading; Portsmouth; Southampton",
        "K": "Avon; Bath and North East Somerset; Bournemouth, Christchurch and Poole; Cornwall; Devon; North Devon;"
        " South Devon; Dorset; Gloucestershire; Glos; South Gloucestershire; Somerset; North Somerset; Wiltshire; Wilts;"
        " Isles of Scilly; Torbay; Swindon; Plymouth; Bristol",
        "L": "Anglesey; Isle of Anglesey; Blaenau Gwent; Bridgend; Caerphilly; Cardiff; Carmarthenshire; Ceredigion; Clwyd;"
        " Conwy; Denbighshire; Dyfed; Flintshire; Glamorgan; Gwent; Gwynedd; Merthyr Tydfil; Mid Glamorgan; Monmouthshire;"
        " Neath Port Talbot; Newport; Pembrokeshire; Powys; Rhondda Cynon Taff; Rhondda Cynon Taf; Swansea;"
        " South Glamorgan; Torfaen; Vale of Glamorgan; The Vale of Glamorgan; West Glamorgan; Wrexham; North Wales;"
        " South Wales; Mid Wales; West Wales; Rhondda",
        "M": "Aberdeen; Aberdeenshire; Angus; Argyll; Argyll and Bute; Ayrshire; Berwickshire; Borders; Caithness;"
        " Clackmannanshire; Edinburgh; Dumfriesshire; Dumfries and Galloway; Dunbartonshire; Dundee;"
        " East Ayrshire; East Dunbartonshire; East Lothian; East Renfrewshire; Eilean Siar; Falkirk; Fife; Glasgow;"
        " Highland; Highlands; Inverclyde; Lanarkshire; Lothian; Midlothian; Moray; Na h-Eileanan Siar; North Ayrshire;"
        " North Lanarkshire; Orkney; Orkney Islands; Outer Hebrides; Perth and Kinross; Perthshire; Renfrewshire;"
        " Scottish Borders; Shetland; Shetland Islands; South Ayrshire; South Lanarkshire; Stirling; Stirlingshire;"
        " Strathclyde; Sutherland; Tayside; West Dunbartonshire; West Lothian; Western Isles; Scottish Highlands",
        "N": "Antrim; Armagh; Down; Fermanagh; Tyrone; County Antrim; Co Antrim; County Armagh; Co Armagh; County Down;"
        " Co Down; County Fermanagh; Co Fermanagh; County Londonderry; Co Londonderry; County Tyrone; Co Tyrone;"
        " Antrim and Newtownabbey; Ards and North Down; Armagh City Banbridge and Craigavon; Causeway Coast and Glens;"
        " Derry City and Strabane; Fermanagh and Omagh; Lisburn and Castlereagh; Mid and East Antrim; Mid Ulster;"
        " Newry, Mourne and Down; Belfast",
    }
)  # fmt: skip

#: Letters of the regions → areas that reach into exactly these.
_POSTCODES: MappingProxyType[str, str] = MappingProxyType(
    {
        "C": "DH NE SR", "CE": "DL TS", "D": "BB BL CA FY L M PR WA WN", "DE": "LA OL", "DFG": "SK ST", "DG": "CW TF",
        "DGL": "SY", "DL": "CH", "DM": "DG", "CM": "TD", "E": "BD HD HG HU HX LS WF YO", "EF": "DN LN S", "F": "NG",
        "FG": "CV DE LE", "FGJK": "OX", "FH": "PE", "FHJ": "MK NN", "G": "B DY WR WS WV", "GKL": "GL LD NP", "GL": "HR",
        "H": "CB CM CO IP NR SS", "HI": "AL EN HA IG RM", "HIJ": "HP WD", "HJ": "LU SG", "I": "E EC N NW SE SW W WC",
        "IJ": "BR CR DA KT SM TN TW UB", "J": "BN CT GU ME PO RG RH SL SO", "JK": "BH SN SP",
        "K": "BA BS DT EX PL TA TQ TR", "L": "CF LL SA", "M": "AB DD EH FK G HS IV KA KW KY ML PA PH ZE", "N": "BT",
    }
)  # fmt: skip
#: Postcode areas outside the United Kingdom → country.
ISLANDS: MappingProxyType[str, str] = MappingProxyType({"GY": "GG", "IM": "IM", "JE": "JE"})


def _split() -> dict[str, tuple[str, str]]:
    made = {}
    for letter, names in _COUNTIES.items():
        for name in names.split(";"):
            plain, _, also = name.strip().partition("|")
            made[plain] = (letter, letter + also)
    return made


#: County → (its region, every region in which an address may still say so).
COUNTIES: MappingProxyType[str, tuple[str, str]] = MappingProxyType(_split())
#: Postcode area → letters of the regions it reaches into.
POSTCODES: MappingProxyType[str, str] = MappingProxyType(
    {area: letters for letters, areas in _POSTCODES.items() for area in areas.split()}
)

__all__ = ["COUNTIES", "ENGLAND", "GROUPS", "ISLANDS", "POSTCODES", "REGIONS"]
